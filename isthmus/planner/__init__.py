"""Demand, simulation, cost."""
