"""Judgements: what data must be like at the two borders, and the process in which it is judged.

plan says what is expected, client asks, worker judges. Not here: what follows from a judgement (pipelines).
"""
