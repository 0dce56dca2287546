"""Audits: does a decision know what it could not have known, and what does it rest on?"""
