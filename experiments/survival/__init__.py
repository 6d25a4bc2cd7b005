"""Campaigns that are killed again and again, and campaigns that many processes work on."""
