"""The screens: Flask and Jinja, server-rendered, no rules and no SQL. Start with app.py."""
