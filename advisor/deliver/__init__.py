"""How a report leaves an unattended run: mail, webhook, Prometheus textfile; and the lock that keeps runs apart."""
