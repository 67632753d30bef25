# Kafka Connect with the plugins of stack/lock.json and our own.
# The downloads are checked against the sha256 values of the lock by the same code that the local stack uses.
FROM node:24-bookworm-slim AS plugins
WORKDIR /millrace
COPY . .
RUN MILLRACE_CACHE=/cache node docker/plugins.ts /plugins

FROM apache/kafka:4.3.1
USER root
COPY --from=plugins /plugins /opt/millrace/plugins
COPY docker/connect.properties /opt/millrace/connect.properties
USER appuser
EXPOSE 8083
ENTRYPOINT ["/opt/kafka/bin/connect-distributed.sh", "/opt/millrace/connect.properties"]
