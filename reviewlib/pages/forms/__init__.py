"""The sections that people write, with their forms in the manager's JupyterLab: ``rl.forms.feedback(review)``.

Everywhere else (papermill, the rep's copy, an executed notebook that was not run again) they are the sections alone.
"""

from reviewlib.pages.forms.sections import agreed, development, feedback, goals, improve, own_view, recognition, signoff

__all__ = ["agreed", "development", "feedback", "goals", "improve", "own_view", "recognition", "signoff"]
