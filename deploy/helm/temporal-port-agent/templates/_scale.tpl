{{/* How many, and how long to the end. */}}

{{- define "tpa.ingesterReplicas" -}}
{{- kindIs "invalid" .Values.replicaCount | ternary .Values.ingester.replicas .Values.replicaCount | int -}}
{{- end }}

{{/* At least so many pods of a component. Takes (list $ component). */}}
{{- define "tpa.fewest" -}}
{{- $root := index . 0 -}}
{{- if eq (index . 1) "codec-server" -}}
  {{- include "tpa.on" $root.Values.codecServer.enabled | empty | ternary 0 $root.Values.codecServer.replicas | int -}}
{{- else -}}
  {{- $settings := index $root.Values (index . 1) -}}
  {{- if $settings.autoscaling.type -}}
    {{- int $settings.autoscaling.minReplicas -}}
  {{- else if eq (index . 1) "ingester" -}}
    {{- include "tpa.ingesterReplicas" $root -}}
  {{- else -}}
    {{- int $settings.replicas -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/*
Seconds from SIGTERM to SIGKILL: the longest call, 15 to report it (worker/main.ts), and 15 of room.
*/}}
{{- define "tpa.workerGrace" -}}
{{- .Values.worker.terminationGracePeriodSeconds | default (add (include "tpa.callSeconds" .) 30) | int -}}
{{- end }}
