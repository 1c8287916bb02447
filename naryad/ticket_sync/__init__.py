"""Tickets kept in step with the company's own tracker."""
