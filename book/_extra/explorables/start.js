// Starts each explorable of a page: an element with data-explorable="name" is filled by name.js.
for (const root of document.querySelectorAll("[data-explorable]")) {
  import(`./${root.dataset.explorable}.js`).then((module) => module.start(root)).then(() => {
    root.dataset.drawn = ""; // whoever looks at it may begin
  });
}
