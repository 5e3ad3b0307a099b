"""Studies of trained detectors: what they make of test videos that something was done to.

`masking` takes feature dimensions away from one stream, `noise` adds background activity to the
motion cues, `equivalence` has another method compute with the same parameters. Nothing is trained
again.
"""
