"""Who may operate on a stack now, and who is next.

Refs as they were seen, and our own count of seconds come in; whether a lease or a ticket still counts goes out.
Nobody's clock decides. Begin with `lease.py`, then `wait_queue.py`.
"""
