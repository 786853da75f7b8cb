{{/* What works, yet is probably not what was meant: lines for NOTES.txt. */}}
{{- define "tpa.warnings" -}}
{{- $plain := include "tpa.plainVariables" . | fromYaml }}
{{- $secret := include "tpa.secretVariables" . | fromYaml }}
{{- if include "tpa.existingSecret" . }}
{{- with keys $secret | sortAlpha }}
env.secret is not used, since the Secret exists already; put these into it: {{ join ", " . }}
{{- end }}
{{- else }}
{{- range $name, $value := (.Values.env).secret }}
{{- if and (include "tpa.text" $value) (hasKey $plain $name) }}
{{ $name }} is in env.normal and env.secret; env.normal wins, as before. Remove one of them.
{{- end }}
{{- end }}
{{- end }}
{{- range list "KAFKA_CONSUMER_BROKERS" "KAFKA_CONSUMER_USERNAME" "KAFKA_CONSUMER_PASSWORD" }}
{{- if include "tpa.sets" (list $ .) }}
{{ . }} has no effect: brokers and credentials come from Port's API. Remove it.
{{- end }}
{{- end }}
{{- $source := get $plain "STREAMER_NAME" | upper }}
{{- if not (has $source (list "" "KAFKA" "POLLING")) }}
STREAMER_NAME is an old spelling; write {{ hasPrefix "KAFKA" $source | ternary "KAFKA" "POLLING" }}.
{{- end }}
{{- if eq (get $plain "WEBHOOK_VERIFY_SSL" | lower) "false" }}
WEBHOOK_VERIFY_SSL=false: anyone on the way can read and change the calls. Give the CA with selfSignedCertificate instead.
{{- end }}
{{- $own := include "tpa.valueOf" (list . "CONTROL_THE_PAYLOAD_CONFIG_PATH") }}
{{- if and (include "tpa.mapping" .) (ne (include "tpa.mapping" .) (include "tpa.mappingPath" .)) }}
controlThePayloadConfig is not read: CONTROL_THE_PAYLOAD_CONFIG_PATH names {{ $own }}. Remove one of them.
{{- end }}
{{- if and .Values.selfSignedCertificate.certificate (not (include "tpa.on" .Values.selfSignedCertificate.enabled)) }}
selfSignedCertificate.certificate is not trusted: selfSignedCertificate.enabled is false.
{{- end }}
{{- if .Values.resources }}
resources now counts for each of two processes. The worker is comfortable with 512Mi and more: see worker.resources.
{{- end }}
{{- if not (kindIs "invalid" .Values.replicaCount) }}
replicaCount is the old name of ingester.replicas.
{{- end }}
{{- with .Values.rolloutStrategy }}
rolloutStrategy is the old name of ingester.strategy.
{{- end }}
{{- $couldEncrypt := or (include "tpa.sets" (list . "CODEC_KEYS")) (include "tpa.existingSecret" .) .Values.extraEnvFrom }}
{{- if and (include "tpa.on" .Values.codecServer.enabled) (not $couldEncrypt) }}
codecServer decrypts, but nothing is encrypted from now on: the agent itself has no CODEC_KEYS. Set env.secret.CODEC_KEYS.
{{- end }}
{{- range $name := concat (keys $plain) (keys $secret) | sortAlpha }}
{{- if and (regexMatch "^[0-9]" $name) (not (include "tpa.secretAsFiles" $)) }}
{{ $name }} starts with a digit, which needs Kubernetes 1.32 on every node; before that, set secret.asFiles=true.
{{- end }}
{{- end }}
{{- end }}
