# In place of apache/kafka: its jars, its own translation of the environment, and the three commands we use.
ARG DEBIAN
FROM ${DEBIAN}
COPY java /opt/java
COPY libs /opt/kafka/libs
COPY kafka.sh /opt/kafka/bin/kafka.sh
COPY log4j2.yaml /etc/kafka/docker/log4j2.yaml
COPY log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
RUN useradd --uid 1000 --create-home appuser \
  && touch /etc/kafka/docker/server.properties \
  && mkdir -p /opt/kafka/config /mnt/shared/config /var/lib/kafka/data \
  && chown -R appuser /opt/kafka/config /mnt/shared/config /var/lib/kafka \
  && chmod -R a+rX /opt \
  && chmod a+x /opt/kafka/bin/kafka.sh /opt/java/bin/* /opt/java/lib/jspawnhelper \
  && for command in configs topics server; do ln -s kafka.sh "/opt/kafka/bin/kafka-$command.sh"; done
USER appuser
VOLUME ["/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/opt/kafka/bin/kafka-server.sh"]
