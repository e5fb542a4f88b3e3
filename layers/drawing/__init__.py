"""Pictures of layers and graphs: circuit.py says what is drawn, layout.py where, canvas.py and svg.py how.

Nothing here is imported before a picture is asked for.
"""
