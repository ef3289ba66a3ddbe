"""Fleet: Remit on PostgreSQL with workers in processes of their own, measured from outside."""
