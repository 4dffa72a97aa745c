// A real Vendure on SQLite in memory, with a plug-in that posts Standard Webhooks.
//   PORT, HOOKS_URL and HOOKS_SECRET (whsec_…) come from the environment; "ready" is printed once it answers.
const crypto = require("node:crypto");
const vendure = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
const { Inject } = require("@nestjs/common");

const { PORT, HOOKS_URL, HOOKS_SECRET } = process.env;
const TOLD = [
  vendure.OrderStateTransitionEvent,
  vendure.FulfillmentStateTransitionEvent,
  vendure.RefundStateTransitionEvent,
  vendure.StockMovementEvent,
];

// What happened to which thing; the connector reads the thing itself.
function told(event) {
  const ids = {
    order: event.order?.id ?? event.orders?.[0]?.id,
    fulfillment: event.fulfillment?.id,
    refund: event.refund?.id,
    variants: event.stockMovements?.map((one) => String(one.productVariant?.id)),
  };
  for (const name of ["order", "fulfillment", "refund"]) if (ids[name]) ids[name] = String(ids[name]);
  return { event: event.constructor.name, at: event.createdAt.toISOString(), to: event.toState, ...ids };
}

class HooksPlugin {
  constructor(bus) {
    this.bus = bus;
  }
  onApplicationBootstrap() {
    for (const kind of TOLD) this.bus.ofType(kind).subscribe((event) => this.post(told(event)));
  }
  async post(what) {
    const body = JSON.stringify(what);
    const id = `msg_${crypto.randomUUID()}`;
    const key = Buffer.from(HOOKS_SECRET.replace(/^whsec_/, ""), "base64");
    for (let attempt = 0; attempt < 50; attempt++) {
      const now = Math.floor(Date.now() / 1000);
      const mac = crypto.createHmac("sha256", key).update(`${id}.${now}.${body}`).digest("base64");
      const headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(now),
        "webhook-signature": `v1,${mac}`,
      };
      const answer = await fetch(HOOKS_URL, { method: "POST", headers, body }).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
Inject(vendure.EventBus)(HooksPlugin, undefined, 0);
vendure.VendurePlugin({ imports: [vendure.PluginCommonModule], compatibility: "^3.0.0" })(HooksPlugin);

const config = {
  logger: new vendure.DefaultLogger({ level: vendure.LogLevel.Warn }),
  apiOptions: { port: Number(PORT), hostname: "127.0.0.1" },
  authOptions: {
    tokenMethod: "bearer",
    superadminCredentials: { identifier: "superadmin", password: "superadmin" },
  },
  dbConnectionOptions: { type: "better-sqlite3", database: ":memory:", synchronize: true },
  paymentOptions: { paymentMethodHandlers: [vendure.dummyPaymentHandler] },
  plugins: [HooksPlugin],
};
const initialData = {
  defaultLanguage: "en",
  defaultZone: "Americas",
  countries: [{ name: "United States of America", code: "US", zone: "Americas" }],
  taxRates: [{ name: "Standard", percentage: 8.25 }],
  shippingMethods: [{ name: "Standard", price: 500 }],
  paymentMethods: [
    {
      name: "dummy",
      handler: {
        code: "dummy-payment-handler",
        arguments: [{ name: "automaticSettle", value: "true" }],
      },
    },
  ],
  collections: [],
};

populate(() => vendure.bootstrap(config), initialData)
  .then(() => console.log("ready"))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
