"""What evidence costs. Each module beside this measures one part: `measure(rows)` gives figures by
name.
"""
