{{- define "locutory.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "locutory.labels" -}}
app.kubernetes.io/name: locutory
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "locutory.meta" -}}
{{ include "locutory.labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "locutory.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "locutory.claim" -}}
{{ .Values.persistence.existingClaim | default (printf "%s-data" (include "locutory.name" .)) }}
{{- end -}}

{{- define "locutory.pod-security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "locutory.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "locutory.env" -}}
envFrom:
  - configMapRef: {name: {{ include "locutory.name" . }}}
  {{- with .Values.secrets.engines }}
  - secretRef: {name: {{ . }}}
  {{- end }}
env:
  - name: LOCUTORY_DATABASE__URL
    valueFrom: {secretKeyRef: {name: {{ .Values.secrets.name }}, key: database-url}}
  - name: LOCUTORY_CRYPTO__KEYS
    valueFrom: {secretKeyRef: {name: {{ .Values.secrets.name }}, key: crypto-keys}}
{{- end -}}

{{- define "locutory.mounts" -}}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "locutory.volumes" -}}
volumes:
  - name: data
    {{- if .Values.persistence.enabled }}
    persistentVolumeClaim: {claimName: {{ include "locutory.claim" . }}}
    {{- else }}
    emptyDir: {}
    {{- end }}
  - name: tmp
    emptyDir: {}
{{- end -}}

{{- define "locutory.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "locutory.labels" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end -}}
