// SPDX-License-Identifier: Apache-2.0
// Node's `ws` (Debian's node-ws) as a client or a server of WebSockets; says what it saw in JSON.
//
//   ws_peer.js server            prints {"port": N}, echoes every message, until it is killed
//   ws_peer.js client URL [CA]   one WebSocket, every kind of frame; prints what came back
'use strict';
const fs = require('fs');
const WebSocket = require('ws');

function serve() {
  const server = new WebSocket.Server({
    host: '127.0.0.1', port: 0, perMessageDeflate: true,
    handleProtocols: (protocols) => (protocols.has('echo') ? 'echo' : false),
  });
  server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));
  server.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
    socket.on('error', () => socket.terminate());
  });
}

function call(url, ca) {
  const options = ca ? { ca: fs.readFileSync(ca) } : {};
  const socket = new WebSocket(url, ['echo', 'other'], options);
  const large = Buffer.alloc(300000, 'large ');
  const seen = { texts: [], binaries: [], pongs: [] };
  const expected = 5;
  let messages = 0;
  const fail = (error) => {
    console.log(JSON.stringify({ error: String(error), ...seen }));
    process.exit(1);
  };
  setTimeout(() => fail('too slow'), 30000).unref();
  socket.on('error', fail);
  socket.on('open', () => {
    seen.protocol = socket.protocol;
    seen.extensions = socket.extensions;
    socket.ping('are you there');
    socket.send('plain');
    socket.send('кириллица 😀');
    socket.send(Buffer.from([0, 1, 254, 255]));
    socket.send('in ', { fin: false });
    socket.send('three ', { fin: false });
    socket.send('parts', { fin: true });
    socket.send(large);
  });
  socket.on('pong', (payload) => seen.pongs.push(payload.toString()));
  socket.on('message', (message, isBinary) => {
    if (!isBinary) seen.texts.push(message.toString());
    else seen.binaries.push(message.equals(large) ? 'large' : message.toString('hex'));
    messages += 1;
    if (messages === expected) socket.close(4000, 'that is all');
  });
  socket.on('close', (code, reason) => {
    seen.close = [code, reason.toString()];
    console.log(JSON.stringify(seen));
  });
}

if (process.argv[2] === 'server') serve();
else call(process.argv[3], process.argv[4]);
