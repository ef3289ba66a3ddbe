{{- define "remit.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "remit.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "remit.selector" . }}
{{- end }}

{{- define "remit.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "remit.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* What every pod of ours has: no token of the cluster, no privileges, nothing that can be written to. */ -}}
{{- define "remit.pod" -}}
serviceAccountName: {{ include "remit.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ .Values.scratch }}
  - name: beside
    emptyDir:
      sizeLimit: {{ .Values.scratch }}
  {{- if .Values.config }}
  - name: config
    configMap:
      name: {{ include "remit.name" . }}
  {{- end }}
{{- end }}

{{- define "remit.container" -}}
image: {{ include "remit.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "remit.confined" . }}
{{- end }}

{{- define "remit.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "remit.mounts" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: beside
    mountPath: /var/lib/remit
  {{- if .Values.config }}
  - name: config
    mountPath: /app/remit.toml
    subPath: remit.toml
    readOnly: true
  {{- end }}
{{- end }}

{{- /* The database and the key, and nothing else of the secret. */ -}}
{{- define "remit.env" -}}
- name: REMIT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret }}
      key: REMIT_KEY
{{- if .Values.postgresql.enabled }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.postgresql.secret }}
      key: password
- name: REMIT_STORE
  value: postgresql://remit:$(POSTGRES_PASSWORD)@{{ .Release.Name }}-postgresql:5432/remit
{{- else }}
- name: REMIT_STORE
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret }}
      key: REMIT_STORE
{{- end }}
{{- end }}

{{- define "remit.secretEnv" -}}
{{- with . }}
envFrom:
  {{- range . }}
  - secretRef:
      name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "remit.placing" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* (list root component) */ -}}
{{- define "remit.spread" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.topologySpread }}
{{- if .enabled }}
topologySpreadConstraints:
  - maxSkew: {{ .maxSkew }}
    topologyKey: {{ .topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "remit.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ index $ 1 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "remit.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.dns.namespace }}
      {{- with .Values.networkPolicy.dns.podLabels }}
      podSelector:
        matchLabels:
          {{- toYaml . | nindent 10 }}
      {{- end }}
    {{- range .Values.networkPolicy.dns.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "remit.toDatabase" -}}
{{- if .Values.postgresql.enabled }}
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: postgresql
          app.kubernetes.io/instance: {{ .Release.Name }}
  ports:
    - {port: 5432, protocol: TCP}
{{- else }}
- ports:
    - {port: {{ .Values.database.port }}, protocol: TCP}
  {{- if or .Values.database.cidrs .Values.database.podLabels }}
  to:
    {{- range .Values.database.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    {{- with .Values.database.podLabels }}
    - podSelector:
        matchLabels:
          {{- toYaml . | nindent 10 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Libraries, and models too, heed these; nothing else is let out by the network policies. */ -}}
{{- define "remit.wayOut" -}}
{{- if .Values.gateway.enabled }}
{{- $url := printf "http://remit:$(REMIT_GATEWAY_TOKEN)@%s-gateway:8877" (include "remit.name" .) }}
- name: REMIT_GATEWAY_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.gateway.secret }}
      key: REMIT_GATEWAY_TOKEN
- name: HTTP_PROXY
  value: {{ $url }}
- name: HTTPS_PROXY
  value: {{ $url }}
- name: NO_PROXY
  value: {{ concat (list "localhost" "127.0.0.1" ".svc" ".cluster.local") .Values.gateway.noProxy | join "," }}
{{- end }}
{{- end }}
