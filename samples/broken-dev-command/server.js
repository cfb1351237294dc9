const http = require("node:http");

const port = Number(process.env.PORT || 3000);
http.createServer((_, answer) => answer.end("hello from the mended command\n")).listen(port);
