"""Pictures: data in, places on paper out. Templates draw them as SVG, with words beside."""
