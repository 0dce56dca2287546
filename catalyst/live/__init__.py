"""Live trading: the same step, fed by streams and a broker. Trading is simulated until proven."""
