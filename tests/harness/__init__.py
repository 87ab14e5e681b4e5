"""What the black-box tests share: the server as a process, clients for it, signatures by hand, a look at its disk."""
