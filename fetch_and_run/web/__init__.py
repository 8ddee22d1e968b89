"""Requests of HTTP that begin work, and what becomes of it."""
