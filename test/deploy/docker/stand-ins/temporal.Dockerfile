# In place of temporalio/temporal: the command, and a user whose home can take the database.
ARG DEBIAN
FROM ${DEBIAN}
COPY temporal /usr/local/bin/temporal
RUN useradd --uid 1000 --create-home temporal
USER temporal
WORKDIR /home/temporal
ENTRYPOINT ["temporal"]
