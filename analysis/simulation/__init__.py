"""A simulated publisher whose truth is known: event files for the demo, for tests and for benchmarks.

`publisher.simulate` is the way in. `sizes` says how much, `appeals` which experiments with which words and which laws,
`readers` who comes when, `asks` what an appeal does to a reader, `gifts` what is paid, `faults` what goes wrong on the
way, `files` how it lands, and `truth` what a sound pipeline must find.
"""
