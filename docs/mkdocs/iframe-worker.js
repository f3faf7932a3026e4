// Browsers start no worker from a file:// address. There this stands in for it, so that the search works on a copy of the
// site without a server: the script of the worker runs in a hidden frame.
(function () {
  "use strict";
  if (location.protocol !== "file:") return;

  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      this.hear = (event) => {
        if (event.source !== this.frame.contentWindow) return;
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        if (this.onmessage) this.onmessage(event);
      };
      window.addEventListener("message", this.hear);
      this.ready = new Promise((resolve) => {
        const inside = this.frame.contentWindow;
        const page = this.frame.contentDocument;
        inside.postMessage = (data) => window.postMessage.call(window, data, "*");
        page.open();
        page.write("<!doctype html><html><body></body></html>");
        page.close();
        const script = page.createElement("script");
        inside.postMessage = function (data) { inside.eval("(d) => parent.postMessage(d, '*')")(data); };
        inside.importScripts = (...urls) => urls.reduce((before, each) => before.then(() => new Promise((done, failed) => {
          const further = page.createElement("script");
          further.src = each;
          further.onload = done;
          further.onerror = failed;
          page.body.appendChild(further);
        })), Promise.resolve());
        script.src = url;
        script.onload = resolve;
        page.body.appendChild(script);
      });
    }

    postMessage(data) {
      this.ready.then(() => {
        const inside = this.frame.contentWindow;
        inside.dispatchEvent(new inside.MessageEvent("message", { data: structuredClone(data) }));
      });
    }

    terminate() {
      window.removeEventListener("message", this.hear);
      this.frame.remove();
    }
  }

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
})();
