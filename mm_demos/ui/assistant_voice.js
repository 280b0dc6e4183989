// Sentences arrive one after the other and are played in that order; a new answer, Stop and Clear make an end of it.
let begun = 0, current = null, first;
const hush = () => { current?.pause(); current = null; };
const go = () => {
  const all = props.value || [];
  if (current || begun >= all.length) return;
  current = new Audio(all[begun]);
  begun += 1;
  element.dataset.begun = begun;
  current.addEventListener("ended", () => { current = null; go(); }, { once: true });
  current.play().catch(hush); // a browser may refuse sound before the first click
};
watch("value", () => {
  const begin = props.value?.[0];
  if (begin !== first) { hush(); begun = 0; first = begin; }
  go();
});
document.addEventListener("mm-quiet", () => { hush(); begun = Infinity; });
