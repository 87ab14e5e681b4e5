//! Counters of the server, in the text format of Prometheus.
//!
//! The gateway counts requests and bytes. Rooms that keep their own counters (the KMS, the bucket-key cache, the store)
//! are asked when somebody reads: [`Metrics::register_counter_source`].

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// Labels of `strongroom_requests_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    dialect: &'static str,
    operation: &'static str,
    status: u16,
}

/// Label of what is kept by operation alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

/// Label of what is kept by door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabel {
    door: &'static str,
}

/// Counts the bytes of bodies in one direction.
#[derive(Clone, Debug, Default)]
pub struct BodyMeter(Counter);

impl BodyMeter {
    /// Counts bytes.
    pub fn count(&self, bytes: u64) {
        self.0.inc_by(bytes);
    }

    /// Bytes so far.
    pub fn total(&self) -> u64 {
        self.0.get()
    }
}

/// A value of a counter source: one value per label of the source, and the count.
pub type Sample = (Vec<String>, u64);

/// The server's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Histogram>,
    connections: Family<DoorLabel, Gauge>,
    in_flight: Gauge,
    received: BodyMeter,
    sent: BodyMeter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers what the gateway counts.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::<RequestLabels, Counter>::default();
        registry.register("strongroom_requests", "Requests by dialect, operation and status", requests.clone());
        // 0.5 ms to 65 s.
        let durations = Family::<OperationLabel, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.0005, 2.0, 18))
        });
        registry.register(
            "strongroom_request_duration_seconds",
            "Time from the request's head to the reply's head, in seconds",
            durations.clone(),
        );
        let connections = Family::<DoorLabel, Gauge>::default();
        registry.register("strongroom_connections", "Open connections by door", connections.clone());
        let in_flight = Gauge::default();
        registry.register("strongroom_requests_in_flight", "Requests whose reply has not begun", in_flight.clone());
        let (received, sent) = (BodyMeter::default(), BodyMeter::default());
        registry.register("strongroom_request_body_bytes", "Bytes of request bodies", received.0.clone());
        registry.register("strongroom_response_body_bytes", "Bytes of response bodies", sent.0.clone());
        Self { registry: Mutex::new(registry), requests, durations, connections, in_flight, received, sent }
    }

    /// Adds a counter that another room keeps. `name` is without `_total`; `read` gives, each time somebody reads the
    /// metrics, one sample per combination of label values, in the order of `labels`.
    pub fn register_counter_source(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
    ) {
        let source = CounterSource { name, help, labels, read: Box::new(read) };
        self.registry().register_collector(Box::new(source));
    }

    /// As [`Metrics::register_counter_source`], for values that go up and down; `name` is the whole name.
    pub fn register_gauge_source(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        read: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
    ) {
        let source = GaugeSource(CounterSource { name, help, labels, read: Box::new(read) });
        self.registry().register_collector(Box::new(source));
    }

    /// A request was answered.
    pub fn request_done(&self, dialect: &'static str, operation: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { dialect, operation, status }).inc();
        self.durations.get_or_create(&OperationLabel { operation }).observe(took.as_secs_f64());
    }

    /// Counts a request as under way until the guard is dropped.
    pub fn request_begins(&self) -> InFlight {
        InFlight::of(self.in_flight.clone())
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connection_opens(&self, door: &'static str) -> InFlight {
        InFlight::of(self.connections.get_or_create_owned(&DoorLabel { door }))
    }

    /// Bytes of request bodies.
    pub fn received(&self) -> BodyMeter {
        self.received.clone()
    }

    /// Bytes of response bodies.
    pub fn sent(&self) -> BodyMeter {
        self.sent.clone()
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        encode(&mut out, &self.registry())?;
        Ok(out)
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        // A panic while somebody read the metrics leaves the registry as it was.
        self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One unit of a gauge, given back on drop.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl InFlight {
    fn of(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct CounterSource {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    read: Box<dyn Fn() -> Vec<Sample> + Send + Sync>,
}

impl fmt::Debug for CounterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CounterSource({})", self.name)
    }
}

impl Collector for CounterSource {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, ConstCounter::<u64>::TYPE)?;
        for (values, count) in (self.read)() {
            let labels: Vec<(&str, String)> = self.labels.iter().copied().zip(values).collect();
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The same, shown as a gauge.
#[derive(Debug)]
struct GaugeSource(CounterSource);

impl Collector for GaugeSource {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = &self.0;
        let mut metric = encoder.encode_descriptor(source.name, source.help, None, MetricType::Gauge)?;
        for (values, value) in (source.read)() {
            let labels: Vec<(&str, String)> = source.labels.iter().copied().zip(values).collect();
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[expect(dead_code, reason = "asserts at compile time that a source is shown as a counter")]
const IS_A_COUNTER: () = assert!(matches!(<ConstCounter<u64> as TypedMetric>::TYPE, MetricType::Counter));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_sources_are_shown() {
        let metrics = Metrics::new();
        metrics.request_done("obs", "PutObject", 200, Duration::from_millis(3));
        metrics.request_done("obs", "PutObject", 200, Duration::from_millis(3));
        metrics.register_counter_source("strongroom_kms_requests", "KMS requests", &["operation", "outcome"], || {
            vec![(vec!["GenerateDataKey".into(), "ok".into()], 7), (vec!["Decrypt".into(), "denied".into()], 1)]
        });
        metrics
            .register_gauge_source("strongroom_provider_up", "Up", &["provider"], || vec![(vec!["cloud".into()], 0)]);
        let text = metrics.render().unwrap();
        for line in [
            "strongroom_requests_total{dialect=\"obs\",operation=\"PutObject\",status=\"200\"} 2",
            "strongroom_kms_requests_total{operation=\"GenerateDataKey\",outcome=\"ok\"} 7",
            "strongroom_kms_requests_total{operation=\"Decrypt\",outcome=\"denied\"} 1",
            "strongroom_requests_in_flight 0",
            "strongroom_provider_up{provider=\"cloud\"} 0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn guards_give_back() {
        let metrics = Metrics::new();
        let one = metrics.connection_opens("data");
        assert!(metrics.render().unwrap().contains("strongroom_connections{door=\"data\"} 1"));
        drop(one);
        assert!(metrics.render().unwrap().contains("strongroom_connections{door=\"data\"} 0"));
    }
}
