#!/bin/bash
# kafka-configs.sh, kafka-topics.sh, and the start of the broker, by the name it is called by.
set -euo pipefail

java() {
  # shellcheck disable=SC2086 # several options
  exec /opt/java/bin/java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${KAFKA_HEAP_OPTS:--Xmx256m} \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' "$@"
}

case $(basename "$0") in
  kafka-configs.sh) java kafka.admin.ConfigCommand "$@" ;;
  kafka-topics.sh) java org.apache.kafka.tools.TopicCommand "$@" ;;
  kafka-server.sh)
    # The real image refuses these without JAAS and key files: it goes by the listeners' names.
    case $KAFKA_ADVERTISED_LISTENERS in
      *SSL://* | *SASL_*://*) echo "Listeners must not be named after SASL or SSL" && exit 1 ;;
    esac
    # Kafka's own: the variables become server.properties, and the data folder is formatted unless it is.
    (java kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
      --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config)
    java kafka.Kafka /opt/kafka/config/server.properties
    ;;
esac
