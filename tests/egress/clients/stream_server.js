// What gRPC needs of a network: one HTTP/2 stream that carries messages both ways at the same time,
// and trailers at its end. stream_server.js CERTIFICATE KEY listens on 11.1.1.4:8444.
const fs = require('fs');
const server = require('http2').createSecureServer({
  cert: fs.readFileSync(process.argv[2]),
  key: fs.readFileSync(process.argv[3]),
});
server.on('session', (session) => session.on('error', () => {}));
server.on('stream', (stream) => {
  stream.on('error', () => {});
  stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true});
  stream.on('wantTrailers', () => stream.sendTrailers({'grpc-status': '0'}));
  stream.on('data', (message) => stream.write(`echo ${message}`));
  stream.on('end', () => stream.end());
});
server.listen(8444, '11.1.1.4');
