"""`crossdock bench`: every stage beside its yardstick, measured in the same run.

A figure alone says more of the machine than of us; the ratio of two figures taken in turn, A B A B,
on one machine in one quarter of an hour holds. So every row has a yardstick: a raw socket, a bare
parser, the same server doing nothing, a peer.
"""
