"""What the processes of a gateway share, on one machine or many: a snapshot of each, a history by the minute, and the
orders of operators."""
