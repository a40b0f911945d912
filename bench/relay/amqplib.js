// Contestant: Node's amqplib. Consume, publish the same bytes with a confirm, then ack; no route.
//
// node amqplib.js URL QUEUE EXCHANGE KEY COUNT SERVER_PID     prints one line of JSON
//
// Confirm channel, prefetch 200; inputs are acknowledged together up to the last one whose output is confirmed.
'use strict';
const fs = require('fs');
const amqplib = require('amqplib');

const [url, queue, exchange, key, countText, server] = process.argv.slice(2);
const count = Number(countText);
const PREFETCH = 200;
const TICKS_PER_SECOND = 100;

function serverSeconds() {
  const stat = fs.readFileSync(`/proc/${server}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function main() {
  const connection = await amqplib.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.prefetch(PREFETCH);
  const waiting = [];
  let first = 0;
  let acknowledged = 0;
  const started = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  const broker = serverSeconds();

  async function finish() {
    const used = process.cpuUsage(cpu);
    const found = {
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
      cpu: (used.user + used.system) / 1e6,
      broker_cpu: serverSeconds() - broker,
    };
    // A quorum queue takes acks in its own time; those it has not taken when the channel goes are lost.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await channel.close();
    await connection.close();
    console.log(JSON.stringify(found));
  }

  function settle() {
    let last = null;
    while (first < waiting.length && waiting[first].confirmed) {
      last = waiting[first].message;
      waiting[first] = null;
      first += 1;
      acknowledged += 1;
    }
    if (last !== null) channel.ack(last, true);
    if (acknowledged === count) finish().catch(fail);
  }

  await channel.consume(queue, (message) => {
    const entry = { message, confirmed: false };
    waiting.push(entry);
    const { headers, contentType, messageId, type } = message.properties;
    const options = { headers, contentType, messageId, type, persistent: true };
    channel.publish(exchange, key, message.content, options, (error) => {
      if (error) fail(error);
      entry.confirmed = true;
      settle();
    });
  });
}

function fail(error) {
  console.error(String(error));
  process.exit(1);
}

main().catch(fail);
