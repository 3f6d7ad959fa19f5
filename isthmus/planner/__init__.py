"""Demand, simulation, cost: what so many queries a day take. `document.make` answers a `scenario.Scenario`."""
