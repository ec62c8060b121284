"""What the console costs: a log as long as is wanted, and how long its pages take to be made."""
