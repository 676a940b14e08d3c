// Lumino, on which JupyterLab stands, passes over the keys of an element that says so, and asks first the one that has the focus.
export default {
  render({ el }) {
    const keep = (event) => {
      const book = el.closest(".jp-Notebook");
      const cell = event.target.closest?.(".jp-CodeCell");
      if (!cell || !book?.contains(cell)) return;
      const writes = event.target.closest(".jp-InputArea-editor"); // in the open code of a cell that whoever arranges notebooks runs
      const ours = cell.querySelector(".jp-InputPlaceholder, .jp-mod-readOnly") || (cell.querySelector(".rl-forms") && !writes);
      const saves = (event.ctrlKey || event.metaKey) && event.key === "s";
      event.target.toggleAttribute("data-lm-suppress-shortcuts", Boolean(ours) && !saves);
    };
    window.addEventListener("keydown", keep, true); // before Lumino, which listens at the document
    return () => window.removeEventListener("keydown", keep, true);
  },
};
