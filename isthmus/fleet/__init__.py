"""The data centre: engines, Ray, scaling."""
