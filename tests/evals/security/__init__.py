"""Tests of the attacks on the gate."""
