"""The index: where in the log the records lie that answer a question.

It holds nothing that the log does not say, is built from groups that were proven, and may be thrown
away at any time. What it finds is read from the log and looked at again, so that a wrong row is
found out; that no row is missing is what the counters in the records are for.

`entry` says what is kept of a record, `query` what can be asked, `port` what an index offers.
`weeks` and `sqlite` are the one of files, `postgres` is that of a cluster. `following` brings one
up to its log, `searching` asks, `evidence` proves.
"""
