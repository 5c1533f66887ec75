// A client in another language: appends the published records over mTLS, from the .proto file alone.
// Arguments: address, folder with ca.pem, client.pem and client.key, folder of the repository, file of the records.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, tls, root, vectors] = process.argv.slice(2);
const published = JSON.parse(fs.readFileSync(vectors, 'ascii'));
const hex = (text) => Buffer.from(text, 'hex');

const definition = loader.loadSync('agent/proto/v1/uplink.proto', { includeDirs: [root], keepCase: true, longs: String });
const { UplinkService } = grpc.loadPackageDefinition(definition).agent.proto.v1;
const read = (name) => fs.readFileSync(path.join(tls, name));
const credentials = grpc.credentials.createSsl(read('ca.pem'), read('client.key'), read('client.pem'));
const stream = new UplinkService(address, credentials).Append();

const start = published.epoch_start;
const records = published.records;
const last = records[records.length - 1];

stream.on('data', (response) => {
  if (response.resume) {
    for (const one of records) {
      const record = { seq: one.seq, cose_sign1: hex(one.cose_sign1), ciphertext: hex(one.ciphertext) };
      stream.write({ record });
    }
  } else if (response.ack && response.ack.through_seq === String(last.seq)) {
    const { head, receipt } = response.ack;
    console.log(JSON.stringify({ head: head.toString('hex'), receipt: receipt.toString('hex') }));
    stream.end();
  } else if (response.reject) {
    console.error(JSON.stringify(response.reject));
    process.exitCode = 1;
    stream.end();
  }
});
stream.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
const head = hex(last.payload_sha256);
stream.write({ open: { kiosk: start.kiosk, epoch: start.epoch, next_seq: last.seq + 1, head } });
