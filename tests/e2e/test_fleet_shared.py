"""Benches that many share: reservations, groups, turns, and what is seen of them from outside. Beside test_fleet_many.py, whose world it is."""
import test_fleet_many as many

if __name__ == "__main__":
    many.main(many.SHARED if many.WHOLE else (many.metrics, many.reservations))
