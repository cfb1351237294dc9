const http = require("node:http");
const ms = require("ms");

const port = Number(process.env.PORT || 3000);
const began = Date.now();
http
  .createServer((_, answer) => answer.end(`hello from the node sample, up for ${ms(Date.now() - began)}\n`))
  .listen(port, () => console.log(`listening on ${port}`));
