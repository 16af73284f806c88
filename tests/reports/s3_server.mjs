// tests/reports/s3_server.mjs: an S3 server of other people, on loopback. Usage: s3_server.mjs DIRECTORY BUCKET; prints its port.
// It knows neither Object Lock nor version 4 of the signatures: tests/audit/receivers.py checks those.
import {createRequire} from 'node:module';

const S3rver = createRequire(import.meta.url)('s3rver');
const [directory, bucket] = process.argv.slice(2);
const server = new S3rver({port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [{name: bucket}]});
console.log((await server.run()).port);
