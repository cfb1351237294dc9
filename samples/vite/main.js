import { greeting } from "./greeting.js";

const show = (text) => (document.querySelector("#greeting").textContent = text);
show(greeting);

const counter = document.querySelector("#counter");
counter.addEventListener("click", () => (counter.textContent = Number(counter.textContent) + 1));

// A changed greeting is shown in the page as it is: what was counted stays.
import.meta.hot?.accept("./greeting.js", (changed) => show(changed.greeting));
