"""Studies of trained detectors, on changed test videos or with changed methods.

`masking` zeroes feature dimensions of one stream, `noise` adds background activity to the motion
cues, `equivalence` computes with the same parameters as another method. Nothing is trained
again.
"""
