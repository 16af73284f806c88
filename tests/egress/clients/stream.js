// Each message waits for the answer to the one before: nothing on the way may hold one back.
const fs = require('fs');
const session = require('http2').connect('https://stream.good.example:8444', {
  ca: fs.readFileSync(process.env.NODE_EXTRA_CA_CERTS),
});
session.on('error', (error) => { console.error(error); process.exit(1); });
const stream = session.request({':method': 'POST', ':path': '/chat', 'content-type': 'application/grpc'});
const messages = ['one', 'two', 'three'];
const say = () => (messages.length > 0 ? stream.write(messages.shift()) : stream.end());
stream.on('data', (answer) => { console.log(String(answer)); say(); });
stream.on('trailers', (trailers) => console.log('grpc-status', trailers['grpc-status']));
stream.on('close', () => session.close());
say();
