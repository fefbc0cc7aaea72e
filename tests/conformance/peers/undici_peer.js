// SPDX-License-Identifier: Apache-2.0
// Node's `undici` (Debian's node-undici): pipelined requests on one connection, fetch, bodies of both
// directions, and its WebSocket. Prints what it saw in JSON.
//
//   undici_peer.js http URL    an echo of bodies is behind it
//   undici_peer.js ws URL      an echo of messages is behind it
'use strict';
const { createHash } = require('crypto');
const undici = require('undici');

async function http(url) {
  const client = new undici.Client(url, { pipelining: 8 });
  const gets = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const { statusCode, body } = await client.request({ method: 'GET', path: `/get/${i}` });
    return `${statusCode} ${await body.text()}`;
  }));
  const large = Buffer.alloc(700000, 'body ');
  const post = await client.request({ method: 'POST', path: '/post', body: large });
  const echoed = Buffer.from(await post.body.arrayBuffer());
  async function* pieces() { for (let i = 0; i < 20; i += 1) yield `piece ${i};`; }
  const streamed = await client.request({ method: 'POST', path: '/stream', body: pieces() });
  const fetched = await undici.fetch(`${url}/fetch`, { method: 'PUT', body: 'fetched' });
  const head = await client.request({ method: 'HEAD', path: '/head' });
  await head.body.dump();
  console.log(JSON.stringify({
    gets, post: post.statusCode, same: echoed.equals(large),
    digest: createHash('sha256').update(echoed).digest('hex').slice(0, 8),
    streamed: await streamed.body.text(), fetched: await fetched.text(), head: head.statusCode,
  }));
  await client.close();
}

function ws(url) {
  const socket = new undici.WebSocket(url, 'echo');
  socket.binaryType = 'arraybuffer';
  const seen = { messages: [] };
  const sent = ['plain', 'ё 😀', new Uint8Array([0, 255])];
  socket.addEventListener('open', () => {
    seen.protocol = socket.protocol;
    seen.extensions = socket.extensions;
    sent.forEach((message) => socket.send(message));
  });
  socket.addEventListener('message', ({ data }) => {
    seen.messages.push(typeof data === 'string' ? data : Buffer.from(data).toString('hex'));
    if (seen.messages.length === sent.length) socket.close(3000, 'done');
  });
  socket.addEventListener('close', ({ code, reason, wasClean }) => {
    seen.close = [code, reason, wasClean];
    console.log(JSON.stringify(seen));
    process.exit(0);
  });
  socket.addEventListener('error', () => {
    console.log(JSON.stringify({ error: true, ...seen }));
    process.exit(1);
  });
}

({ http, ws })[process.argv[2]](process.argv[3]);
