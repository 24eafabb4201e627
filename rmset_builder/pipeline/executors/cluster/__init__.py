"""Videos on the nodes of a Ray cluster, or on this machine by a Ray of its own: an actor a worker, a video a call.

What is Ray's runs in a process of its own (`driver.py`): its libraries print where they like, take signals over, and
end the process in which they are when a cluster's head is gone. The command that was called hears of all this through a
pipe.
"""
