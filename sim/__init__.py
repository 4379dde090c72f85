"""Simulated worlds around the production Router: workload, staffing, virtual time, reports."""
