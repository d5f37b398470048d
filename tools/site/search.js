// Lets the search of the pages work from a folder: a browser lets a page there neither fetch its index nor start a
// worker. The index is a script then (ci/docs makes it), and the worker's script runs in a frame.
if (location.protocol === "file:") {
  const root = new URL(".", document.currentScript.src);

  window.__search = {
    index: new Promise((found) => {
      const script = document.createElement("script");
      script.src = new URL("search/search_index.js", root);
      script.onload = () => found(window.searchIndex);
      document.head.append(script);
    }),
  };

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html>";
      this.inside = new Promise((ready) => {
        frame.onload = () => {
          frame.onload = null;
          const scope = frame.contentWindow;
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = scope.document.createElement("script");
          script.src = new URL(url, location.href);
          script.onload = () => ready(scope);
          scope.document.head.append(script);
        };
      });
      document.documentElement.append(frame);
    }
    postMessage(data) {
      this.inside.then((scope) => scope.dispatchEvent(new scope.MessageEvent("message", { data })));
    }
  };
}
