"""Businesses and who works there: the kernel's tenants and members, as this product shows them."""
