FROM python:3.11-slim
WORKDIR /opt/esb
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY esb ./esb
RUN pip install --no-cache-dir --no-deps . && useradd --system --home /var/lib/esb --create-home esb \
    && mkdir -p /exchange && chown esb /exchange
USER esb
ENTRYPOINT ["esb"]
CMD ["run", "-C", "/project"]
